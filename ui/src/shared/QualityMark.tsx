// The mark of a connection's quality.

import { Bars } from "./Icons.tsx";
import type { Grade, Quality } from "./quality.ts";

const filled: Record<Grade, number> = { good: 3, fair: 2, poor: 1, unknown: 0 };

/** Three bars and words for how good a connection is; nothing while it is not known. */
export function QualityMark({ quality: { grade, details } }: { quality: Quality }) {
  if (grade === "unknown") return null;
  return (
    <span class={`quality ${grade}`} role="img" aria-label={`Connection ${grade}`} title={`Connection ${grade}: ${details}`}>
      <Bars filled={filled[grade]} />
    </span>
  );
}
