// Values that came from the network, and how to look into them without trusting them.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };
export type JsonObject = { [key: string]: Json | undefined };

/** The value as an object, or undefined for anything else. */
export function asObject(value: Json | undefined): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

/** The value as a list; empty for anything else. */
export function asArray(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

/** The value as a text, or undefined for anything else. */
export function asText(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Reads a text that should hold one object; undefined if it does not. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    return asObject(JSON.parse(text) as Json);
  } catch {
    return undefined;
  }
}
