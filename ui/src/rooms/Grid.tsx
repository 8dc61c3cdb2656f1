// All tiles: in equal parts, or one large with the others beside it.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { planGrid, type Box } from "./layout.ts";
import type { Feed } from "./feed.ts";
import type { Room } from "./room.ts";
import { OwnTile, RemoteTile } from "./Tile.tsx";
import type { Visit } from "./visit.ts";
import { camera, screen } from "./wire.ts";

interface Place {
  key: string;
  user: string;
  stream: string;
  /** Whether it stands for the person, rather than for something that they send besides. */
  main: boolean;
  own: boolean;
  feed: Feed | undefined;
}

const gap = 8;

export function Grid({ visit, room }: { visit: Visit; room: Room }) {
  const places = placesOf(visit, room);
  const staged = stagedPlace(places, visit.pinned.value);
  const others = places.filter((p) => p !== staged);
  const tile = (place: Place) => (
    <TileOf key={place.key} visit={visit} room={room} place={place} pinned={place.key === visit.pinned.value} />
  );
  return (
    <main class={staged ? "stage" : "stage plain-grid"} aria-label="People">
      {staged && <div class="stage-main">{tile(staged)}</div>}
      {others.length > 0 && <Tiles count={others.length}>{others.map(tile)}</Tiles>}
      {room.members.value.length === 0 && <p class="alone">Nobody else is here yet. Copy the link and send it to whom you want to meet.</p>}
    </main>
  );
}

/**
 * Everybody has a tile, with or without a camera; each further stream has one of its own. People of other protocols may
 * call their voice something else than the camera: their first stream stands for them. The own tile comes last.
 */
function placesOf(visit: Visit, room: Room): Place[] {
  const places: Place[] = [];
  for (const { name, feeds } of room.members.value) {
    const sent = feeds.map((f) => f.stream);
    const main = sent.includes(camera) ? camera : (sent.find((s) => s !== screen) ?? camera);
    for (const stream of [main, ...sent.filter((s) => s !== main)]) {
      places.push({ key: `${stream} ${name}`, user: name, stream, main: stream === main, own: false, feed: feeds.find((f) => f.stream === stream) });
    }
  }
  if (visit.sharing.value) places.push({ key: `${screen} ${room.user}`, user: room.user, stream: screen, main: false, own: true, feed: undefined });
  places.push({ key: `${camera} ${room.user}`, user: room.user, stream: camera, main: true, own: true, feed: undefined });
  return places;
}

/** What is shown large: what the person pinned, else the screen somebody else shares, the latest first. */
function stagedPlace(places: Place[], pinned: string | undefined): Place | undefined {
  if (places.length < 2) return undefined;
  return places.find((p) => p.key === pinned) ?? places.findLast((p) => p.stream === screen && !p.own);
}

function TileOf({ visit, room, place, pinned }: { visit: Visit; room: Room; place: Place; pinned: boolean }) {
  const onPin = (): void => void (visit.pinned.value = pinned ? undefined : place.key);
  if (place.own) return <OwnTile visit={visit} room={room} stream={place.stream} pinned={pinned} onPin={onPin} />;
  return <RemoteTile visit={visit} user={place.user} stream={place.stream} main={place.main} feed={place.feed} pinned={pinned} onPin={onPin} />;
}

function Tiles({ count, children }: { count: number; children: preact.ComponentChildren }) {
  const element = useRef<HTMLDivElement>(null);
  const [space, setSpace] = useState<Box>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const node = element.current;
    if (!node) return undefined;
    const measure = (): void => setSpace({ width: node.clientWidth, height: node.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    measure();
    return () => observer.disconnect();
  }, []);
  const plan = planGrid(count, space, gap);
  const style = { "--tile-width": `${plan.tile.width}px`, "--tile-height": `${plan.tile.height}px`, "--columns": String(plan.columns) };
  return (
    <div ref={element} class={plan.scrolls ? "tiles scrolls" : "tiles"} style={style} tabIndex={plan.scrolls ? 0 : undefined}>
      <div class="tiles-inner">{children}</div>
    </div>
  );
}
