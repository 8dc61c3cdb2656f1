// The start of the rooms page.

import { render } from "preact";
import { readAddress } from "./address.ts";
import { App } from "./App.tsx";
import { Visit } from "./visit.ts";
import "./style.css";

render(<App visit={new Visit(readAddress(location.href))} />, document.body);
