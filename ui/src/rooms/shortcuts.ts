// Single keys that work while nothing is being typed.

export type Action = "microphone" | "camera" | "screen" | "chat" | "help";

export interface Shortcut {
  key: string;
  action: Action;
  what: string;
}

export const shortcuts: readonly Shortcut[] = [
  { key: "m", action: "microphone", what: "Mute or unmute your microphone" },
  { key: "v", action: "camera", what: "Turn your camera on or off" },
  { key: "s", action: "screen", what: "Start or stop sharing your screen" },
  { key: "c", action: "chat", what: "Open or close the chat" },
  { key: "?", action: "help", what: "Show these keys" },
];

/** The part of a KeyboardEvent that decides. */
export interface Key {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
  repeat: boolean;
  target: { tagName?: string; type?: string; isContentEditable?: boolean } | null;
}

/** What a key press asks for; undefined while typing, with a modifier held, or while the key is held down. */
export function actionOf(key: Key): Action | undefined {
  if (key.ctrlKey || key.altKey || key.metaKey || key.repeat || isTyping(key.target)) return undefined;
  return shortcuts.find((s) => s.key === key.key.toLowerCase())?.action;
}

function isTyping(target: Key["target"]): boolean {
  const tag = target?.tagName?.toUpperCase();
  if (tag === "INPUT") return target?.type !== "checkbox" && target?.type !== "button";
  return tag === "TEXTAREA" || tag === "SELECT" || target?.isContentEditable === true;
}
