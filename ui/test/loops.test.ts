// The parts of the loops page that only compute: what a user relies on in each.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { arrange, neighbour } from "../src/loops/arrange.ts";
import { envelope } from "../src/loops/grammar.ts";
import { newId } from "../src/loops/id.ts";
import { commandOf, keyName, mayBePtt, type Press } from "../src/loops/keyboard.ts";
import { PushToTalk } from "../src/loops/ptt.ts";
import { Settings } from "../src/loops/settings.ts";
import { Ticket } from "../src/loops/ticket.ts";
import { readGrid, readLoops, readNews, readRoles, readUser } from "../src/loops/wire.ts";
import { listNames } from "../src/loops/words.ts";
import { Memory } from "../src/shared/memory.ts";
import { RpcError } from "../src/shared/rpc.ts";
import { FakeStorage } from "./loopfakes.ts";

const key = (name: string, ...places: [page: number, row: number, column: number][]) => ({ name, places: places.map(([page, row, column]) => ({ page, row, column })) });

describe("pages of keys", () => {
  test("follow the role's layout, in reading order, a key in as many places as it has", () => {
    const pages = arrange([key("b", [1, 2, 1]), key("a", [1, 1, 3], [2, 1, 1]), key("hidden")], { rows: 0, columns: 0 });
    assert.deepEqual(
      pages.map((p) => [p.number, p.rows, p.columns, p.cells.map((c) => c.key.name).join()]),
      [
        [1, 2, 3, "a,b"],
        [2, 1, 1, "a"],
      ],
    );
  });

  test("are as large as the grid, and larger where a key stands outside of it", () => {
    assert.deepEqual(
      arrange([key("a", [1, 1, 5])], { rows: 4, columns: 3 }).map((p) => [p.rows, p.columns]),
      [[4, 5]],
    );
  });

  test("put keys side by side where the role has no layout", () => {
    const pages = arrange(["a", "b", "c", "d"].map((n) => key(n)), { rows: 0, columns: 3 });
    assert.deepEqual(
      pages[0]?.cells.map((c) => [c.key.name, c.row, c.column]),
      [
        ["a", 1, 1],
        ["b", 1, 2],
        ["c", 1, 3],
        ["d", 2, 1],
      ],
    );
    assert.deepEqual(arrange([], { rows: 2, columns: 2 }), []);
  });

  test("give a place to one key only", () => {
    assert.equal(arrange([key("a", [1, 1, 1]), key("b", [1, 1, 1])], { rows: 0, columns: 0 })[0]?.cells.length, 1);
  });

  test("can be walked by arrows, over gaps up and down, not around edges", () => {
    const cells = arrange([key("a", [1, 1, 1]), key("b", [1, 1, 3]), key("c", [1, 3, 2])], { rows: 0, columns: 0 })[0]!.cells;
    const go = (from: number, direction: "left" | "right" | "up" | "down") => neighbour(cells, cells[from]!, direction)?.key.name;
    assert.equal(go(0, "right"), "b");
    assert.equal(go(1, "left"), "a");
    assert.equal(go(0, "down"), "c");
    assert.equal(go(0, "left"), undefined);
    assert.equal(go(2, "right"), undefined);
    assert.equal(go(2, "up"), "a");
  });
});

describe("push to talk", () => {
  test("is open as long as anything holds it", () => {
    const ptt = new PushToTalk();
    ptt.press("key");
    ptt.press("pointer");
    ptt.release("key");
    assert.equal(ptt.open.value, true);
    ptt.release("pointer");
    assert.equal(ptt.open.value, false);
  });

  test("latched it opens and closes by presses, whatever the releases do", () => {
    const ptt = new PushToTalk();
    ptt.latch(true);
    ptt.press("key");
    ptt.release("key");
    ptt.letGo();
    assert.equal(ptt.open.value, true);
    ptt.press("pointer");
    assert.equal(ptt.open.value, false);
  });

  test("closes when the latch is taken off, and when the window loses what holds it", () => {
    const ptt = new PushToTalk();
    ptt.latch(true);
    ptt.press("key");
    ptt.latch(false);
    assert.equal(ptt.open.value, false);
    ptt.press("key");
    ptt.letGo();
    assert.equal(ptt.open.value, false);
    ptt.toggle(); // by assistive technology, which cannot hold
    assert.equal(ptt.open.value, true);
    ptt.close();
    assert.equal(ptt.open.value, false);
  });
});

describe("keyboard", () => {
  const press = (code: string, more: Partial<Press> = {}): Press => ({
    key: code.replace(/^Key|^Digit/, ""),
    code,
    ctrlKey: false,
    altKey: false,
    metaKey: false,
    shiftKey: false,
    target: "other",
    dialog: false,
    ...more,
  });
  const ask = (p: Press, ptt = "Space", shortcuts = true) => commandOf(p, ptt, shortcuts);

  test("talks with the chosen key, also a foot switch's, and also while a dialog is open", () => {
    assert.deepEqual(ask(press("Space")), { kind: "ptt" });
    assert.deepEqual(ask(press("F13"), "F13"), { kind: "ptt" });
    assert.deepEqual(ask(press("F13", { dialog: true }), "F13"), { kind: "ptt" });
    assert.deepEqual(ask(press("ControlRight", { ctrlKey: true }), "ControlRight"), { kind: "ptt" });
    assert.deepEqual(ask(press("KeyM"), "KeyM"), { kind: "ptt" });
    assert.deepEqual(ask(press("Space"), "Space", false), { kind: "ptt" });
    // The space bar ticks boxes in dialogs, and writes in fields.
    assert.equal(ask(press("Space", { dialog: true })), undefined);
    assert.equal(ask(press("Space", { key: " ", target: "text" })), undefined);
    assert.equal(ask(press("KeyB", { key: "b", target: "text" }), "KeyB"), undefined);
    assert.deepEqual(ask(press("F13", { target: "text" }), "F13"), { kind: "ptt" });
  });

  test("reaches each key of a page by its number, on any keyboard layout", () => {
    assert.deepEqual(ask(press("Digit1", { key: "&" })), { kind: "monitor", index: 0 });
    assert.deepEqual(ask(press("Digit0")), { kind: "monitor", index: 9 });
    assert.deepEqual(ask(press("Digit3", { shiftKey: true, key: "#" })), { kind: "talk", index: 2 });
    assert.deepEqual(ask(press("Numpad4")), { kind: "monitor", index: 3 });
  });

  test("leaves single keys alone where they were switched off, held with others, or belong to a dialog", () => {
    for (const p of [press("KeyT", { ctrlKey: true }), press("KeyT", { dialog: true }), press("Digit1", { altKey: true })]) assert.equal(ask(p), undefined);
    assert.equal(ask(press("KeyT"), "Space", false), undefined);
    assert.deepEqual(ask(press("KeyT")), { kind: "talk" });
    assert.deepEqual(ask(press("ArrowUp"), "Space", false), { kind: "move", direction: "up" });
  });

  test("leaves arrows to volumes", () => {
    assert.equal(ask(press("ArrowUp", { target: "slider" })), undefined);
  });

  test("calls keys by what is written on them, and keeps those that the page needs", () => {
    assert.deepEqual(["Space", "F13", "KeyB", "Digit4", "ControlRight", "ArrowUp", "NumpadAdd"].map(keyName), ["Space bar", "F13", "B", "4", "Right Ctrl", "Arrow Up", "Keypad Add"]);
    assert.deepEqual(["Space", "F13", "Tab", "Escape", "Enter", "ArrowUp", ""].map(mayBePtt), [true, true, false, false, false, false, false]);
  });
});

describe("the loop server's words", () => {
  test("are taken for what they are: answers, refusals, news", () => {
    const grammar = envelope("tab-1");
    const { id, message } = grammar.request(0, "talking", { loop: "fd", state: true });
    assert.deepEqual(message, { event: "talking", uuid: id, client: "tab-1", type: "unicast", parameter: { loop: "fd", state: true } });
    assert.match(String(id), /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    assert.deepEqual(grammar.read({ event: "talking", uuid: "u", client: "tab-1", response: { loop: "fd" } }), { kind: "answer", id: "u", result: { loop: "fd" } });
    const refusal = grammar.read({ event: "talking", uuid: "u", response: {}, error: { code: 5004, description: "no" } });
    assert.ok(refusal?.kind === "refusal" && refusal.error instanceof RpcError && refusal.error.code === 5004 && refusal.error.message === "no");
    const news = { event: "vad", type: "loop_broadcast", parameter: { loop: "fd", on: true } };
    assert.deepEqual(grammar.read(news), { kind: "news", method: "vad", params: news });
    for (const nonsense of [{}, { event: 7, response: {} }, { event: "x", response: {} }]) assert.equal(grammar.read(nonsense), undefined);
    assert.notEqual(newId(), newId());
  });

  test("about loops are read with their defaults", () => {
    const named = { client: "c", user: "bo", name: "bo" };
    const loops = readLoops({
      loops: {
        fd: { id: "fd", name: "FD\\nLOOP", permission: "send", state: "send", volume: 0, highlight_color: "#a31", layout_position: [{ page: "1", column: "2", row: 3 }, { page: 0 }, "x"] },
        x: { name: null, permission: "recv", participants: 2, present: [{ client: "c", user: "bo", talking: true }, {}] },
        junk: 7,
      },
    });
    assert.deepEqual(loops, [
      { id: "fd", name: "FD\nLOOP", mayTalk: true, mode: "talk", volume: 0, color: "#a31", places: [{ page: 1, column: 2, row: 3 }] },
      { id: "x", name: "x", mayTalk: false, mode: "off", volume: 50, color: "", places: [], presence: { count: 2, people: [named], talkers: [named] } },
    ]);
  });

  test("about people name them, if only by their id", () => {
    const parameter = { loop: "fd", state: "recv", client: "c", user: "bo", role: "r", participants: [{ client: "d", user: "cy", name: "Cy" }, 3] };
    assert.deepEqual(readNews("switch_loop_state", { type: "loop_broadcast", parameter }), {
      kind: "switched",
      ofUser: false,
      loop: "fd",
      mode: "monitor",
      by: { client: "c", user: "bo", name: "bo" },
      role: "r",
      presence: { count: 2, people: [{ client: "d", user: "cy", name: "Cy" }], talkers: [] },
    });
    assert.deepEqual(readUser({ result: { name: null, domain: { domain: "vox" } } }, "ada"), { name: "ada", domain: "vox" });
    assert.deepEqual(readRoles({ roles: { b: { name: "B" }, a: { project: "p" }, admin: {} } }), [
      { id: "a", name: "a", layout: "p" },
      { id: "b", name: "B", layout: "default" },
    ]);
  });

  test("that make no sense are ignored", () => {
    for (const event of ["switch_loop_state", "switch_loop_volume", "talking", "vad", "candidate", "broadcast", "unheard_of"]) {
      assert.equal(readNews(event, {}), undefined, event);
      assert.equal(readNews(event, { parameter: 7 }), undefined, event);
    }
    assert.deepEqual(readGrid({ layout: { grid_rows: "4", grid_columns: -1 } }), { rows: 4, columns: 0 });
    assert.deepEqual(readGrid({ layout: 7 }), { rows: 0, columns: 0 });
  });
});

describe("what is kept", () => {
  test("settings outlive the page, and nonsense does not become one", () => {
    const storage = new FakeStorage();
    new Settings(new Memory("x.", () => storage)).pttKey.value = "F13";
    storage.setItem("x.layout", "sideways");
    const again = new Settings(new Memory("x.", () => storage));
    assert.deepEqual([again.pttKey.value, again.layout.value, again.alone.value], ["F13", "auto", "no"]);
  });

  test("a duplicated tab does not go by the original's session", async () => {
    const taken = new Set<string>();
    const locks = {
      request: (name: string, _options: unknown, held: () => Promise<void>) => {
        if (taken.has(name)) return Promise.reject(new DOMException("", "TimeoutError"));
        taken.add(name);
        return held();
      },
    } as unknown as LockManager;
    const tab = new FakeStorage();
    const original = new Ticket(() => tab, locks);
    original.keep("ada", "s1");
    await original.claim();
    const copy = new FakeStorage();
    for (const [name, value] of tab.values) copy.setItem(name, value);
    const duplicate = new Ticket(() => copy, locks);
    await duplicate.claim();
    assert.deepEqual([original.session, duplicate.session], ["s1", ""]);
    assert.notEqual(original.client, duplicate.client);
  });
});

test("names are listed, and those too many counted", () => {
  assert.equal(listNames(["Ada", "Bo"], 2), "Ada, Bo");
  assert.equal(listNames(["Ada", "Bo", "Cy", "Di"], 2), "Ada, Bo +2");
});
