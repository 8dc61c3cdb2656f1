// What the person is told when a device does not work: what it is, and what to do.

import type { DeviceTrouble } from "./devices.ts";

/** Explains trouble with a camera or microphone. */
export function deviceWords({ kind, cause }: DeviceTrouble): string {
  switch (cause) {
    case "NotAllowedError":
    case "SecurityError":
      return `The browser blocks your ${kind}. Allow it at the symbol beside the address, then turn the ${kind} on again. You can also do without it.`;
    case "NotFoundError":
      return `No ${kind} was found. Connect one and turn it on, or do without it.`;
    case "NotReadableError":
    case "AbortError":
      return `The ${kind} cannot be opened; another program may be using it. Close that program, then turn the ${kind} on again.`;
    case "OverconstrainedError":
      return `The chosen ${kind} is gone. Choose another one.`;
    case "insecure":
      return `Browsers allow a ${kind} only on https pages and on localhost. Open this page with https to be seen and heard; you can do without.`;
    case "ended":
      return `The ${kind} was disconnected. Connect it again or choose another one.`;
    default:
      return `The ${kind} does not work (${cause}). Choose another one, or do without it.`;
  }
}
