// Relays and address finders that a server offers.

import { asArray, asObject, asText, type Json } from "./json.ts";

/** Reads a list of them; what makes no sense is left out. */
export function readIceServers(value: Json | undefined): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  for (const item of asArray(value)) {
    const server = asObject(item);
    const urls = typeof server?.["urls"] === "string" ? [server["urls"]] : asArray(server?.["urls"]).filter((u) => typeof u === "string");
    if (urls.length === 0) continue;
    const username = asText(server?.["username"]);
    const credential = asText(server?.["credential"]);
    servers.push({ urls, ...(username !== undefined && { username }), ...(credential !== undefined && { credential }) });
  }
  return servers;
}
