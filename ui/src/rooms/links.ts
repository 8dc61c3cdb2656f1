// Finds web addresses in what people write, so that they can be followed.

export interface Piece {
  text: string;
  /** Set where the text is a web address; always http or https. */
  href?: string;
}

const address = /\bhttps?:\/\/[^\s<>"']+/gi;

/** Cuts a text into plain pieces and web addresses, losing nothing. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(address)) {
    const shown = trimmed(match[0]);
    const href = asHref(shown);
    if (href === undefined) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push({ text: shown, href });
    end = match.index + shown.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** Without the full stop or bracket that belongs to the sentence around the address. */
function trimmed(text: string): string {
  let shown = text.replace(/[.,;:!?…]+$/, "");
  while (/[)\]}]$/.test(shown) && unbalanced(shown)) shown = shown.slice(0, -1).replace(/[.,;:!?…]+$/, "");
  return shown;
}

function unbalanced(text: string): boolean {
  const count = (pattern: RegExp): number => text.match(pattern)?.length ?? 0;
  return count(/[)\]}]/g) > count(/[([{]/g);
}

function asHref(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === "http:" || url.protocol === "https:" ? url.href : undefined;
}
