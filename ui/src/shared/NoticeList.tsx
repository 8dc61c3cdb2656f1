// Messages that come and go, and what screen readers hear.

import { Icon } from "./Icons.tsx";
import type { Notices } from "./notices.ts";

export function NoticeList({ notices }: { notices: Notices }) {
  return (
    <section class="notices" aria-label="Notices">
      {notices.shown.value.map((notice) => (
        <div key={notice.id} class={`notice ${notice.tone}`}>
          <p>{notice.text}</p>
          <button type="button" class="plain small" aria-label="Dismiss this message" onClick={() => notices.dismiss(notice.id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </section>
  );
}

/** Never seen; it stays in the page all the time, because screen readers only notice what changes in a region they know. */
export function Spoken({ notices }: { notices: Notices }) {
  return (
    <div class="unseen" role="status" aria-live="polite" aria-relevant="additions">
      {notices.spoken.value.map((notice) => (
        <p key={notice.id}>{notice.text}</p>
      ))}
    </div>
  );
}
