// The page: the form, the choice of a role or the panel, and what lies over them.

import { useEffect } from "preact/hooks";
import { NoticeList, Spoken } from "../shared/NoticeList.tsx";
import { Help } from "./Help.tsx";
import { listenToKeys } from "./listen.ts";
import { Panel } from "./Panel.tsx";
import { Roles } from "./Roles.tsx";
import { SettingsDialog } from "./SettingsDialog.tsx";
import { SignIn } from "./SignIn.tsx";
import type { Station } from "./station.ts";

export function App({ station }: { station: Station }) {
  useEffect(() => listenToKeys(station), [station]);
  const { desk } = station;
  const state = desk.state.value;
  const board = desk.board.value;
  return (
    <div class="app" data-testid="state" data-state={state}>
      {state === "choosing" ? <Roles station={station} /> : board ? <Panel station={station} board={board} /> : <SignIn station={station} />}
      {station.dialog.value === "settings" && <SettingsDialog station={station} />}
      {station.dialog.value === "help" && <Help station={station} />}
      <NoticeList notices={station.notices} />
      <Spoken notices={station.notices} />
    </div>
  );
}
