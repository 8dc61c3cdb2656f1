// The choice of a role.

import { useEffect, useRef } from "preact/hooks";
import type { Station } from "./station.ts";

export function Roles({ station }: { station: Station }) {
  const { desk } = station;
  const roles = desk.roles.value;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <main class="gate">
      <div class="gate-card">
        <h1 ref={heading} tabIndex={-1}>
          {desk.name.value}, what do you work as?
        </h1>
        {roles.length === 0 && (
          <p class="trouble" role="alert">
            You have no role on this server. Ask your administrator to give you one, then sign in again.
          </p>
        )}
        <ul class="roles">
          {roles.map((role) => (
            <li key={role.id}>
              <button type="button" class="role" data-testid="role" data-role={role.id} onClick={() => desk.choose(role.id)}>
                {role.name}
              </button>
            </li>
          ))}
        </ul>
        <button type="button" class="quiet" onClick={() => void station.signOut()}>
          Sign out
        </button>
      </div>
    </main>
  );
}
