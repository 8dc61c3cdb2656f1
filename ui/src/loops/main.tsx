// The start of the loops page.

import { render } from "preact";
import { App } from "./App.tsx";
import { Station } from "./station.ts";
import "./style.css";

const address = new URL("/api", location.href);
address.protocol = address.protocol === "http:" ? "ws:" : "wss:";
const station = new Station(address.href);
render(<App station={station} />, document.body);
void station.resume();
