export const channels = { slack: "Slack", whatsapp: "WhatsApp", mattermost: "Mattermost" };
