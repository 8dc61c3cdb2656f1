// The form: who, and the password. While the page comes back by itself it says so.

import { useEffect, useRef } from "preact/hooks";
import type { Station } from "./station.ts";
import { refusalWords } from "./words.ts";

export function SignIn({ station }: { station: Station }) {
  const { desk } = station;
  const waiting = desk.state.value !== "out";
  const refusal = desk.refusal.value;
  const user = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (waiting) return;
    if (refusal && password.current) password.current.value = "";
    (station.userName.peek() === "" ? user : password).current?.focus();
  }, [waiting, refusal]);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (waiting || !user.current || !password.current) return;
    void station.signIn(user.current.value.trim(), password.current.value);
  };
  return (
    <main class="gate">
      <a class="brand" href="/">
        <img src="/favicon.svg" alt="" width="28" height="28" />
        Switchboard
      </a>
      <form class="gate-card" onSubmit={submit}>
        <h1>Voice loops</h1>
        {refusal && !waiting && (
          <p class="trouble" role="alert" data-testid="trouble">
            {refusalWords(refusal)}
          </p>
        )}
        {!isSecureContext && (
          <p class="trouble" role="alert">
            Browsers open a microphone only on https pages and on localhost. Open this page with https to talk; without it you can only listen.
          </p>
        )}
        <label>
          Name
          <input ref={user} data-testid="user" name="username" autocomplete="username" autocapitalize="off" spellcheck={false} required maxLength={256} defaultValue={station.userName.peek()} />
        </label>
        <label>
          Password
          <input ref={password} data-testid="password" name="password" type="password" autocomplete="current-password" required maxLength={1024} />
        </label>
        <button type="submit" class="primary" data-testid="sign-in" aria-disabled={waiting}>
          {!waiting ? "Sign in" : desk.state.value === "signing-in" ? "Signing in…" : "Connecting…"}
        </button>
        {waiting && (
          <button type="button" class="quiet" onClick={() => void station.signOut()}>
            Cancel
          </button>
        )}
      </form>
    </main>
  );
}
