/** Returns the browser and the system that a User-Agent names, in words that people recognize. */
export function deviceOf(userAgent: string): string {
  const browser = first(userAgent, [
    ["Edg/", "Edge"],
    ["OPR/", "Opera"],
    ["Firefox/", "Firefox"],
    ["Chrome/", "Chrome"],
    ["Safari/", "Safari"],
  ]);
  const system = first(userAgent, [
    ["iPhone", "iPhone"],
    ["iPad", "iPad"],
    ["Android", "Android"],
    ["Windows", "Windows"],
    ["Mac OS X", "macOS"],
    ["Linux", "Linux"],
  ]);
  if (browser) {
    return system ? `${browser} on ${system}` : browser;
  }
  return userAgent.slice(0, 60) || "Unknown device";
}

function first(text: string, names: [part: string, name: string][]): string | undefined {
  return names.find(([part]) => text.includes(part))?.[1];
}
