import type { NextConfig } from "next";

const config: NextConfig = {
  poweredByHeader: false,
  reactStrictMode: true,
  experimental: {
    // An agent's system prompt may have 200,000 characters, and its form also sends the version it is based on.
    serverActions: { bodySizeLimit: "4mb" },
  },
};

export default config;
