// How tiles share the space: as large as possible, for any number and any screen.

export interface Box {
  width: number;
  height: number;
}

export interface GridPlan {
  columns: number;
  tile: Box;
  /** Whether not all tiles fit, so that the grid must scroll. */
  scrolls: boolean;
}

/** Cameras are cut to fit their tile, but not by much: the shapes allowed on a wide space, and on an upright one. */
const shapes = { wide: { narrowest: 4 / 3, widest: 16 / 9 }, upright: { narrowest: 7 / 10, widest: 16 / 9 } };
/** Smaller than this a face is no longer a face. */
const smallest: Box = { width: 136, height: 104 };

/** Finds the number of columns that gives the largest tiles for `count` tiles in `space`, `gap` pixels apart. */
export function planGrid(count: number, space: Box, gap: number): GridPlan {
  const tiles = Math.max(1, count);
  const shape = space.width < space.height ? shapes.upright : shapes.wide;
  let best: GridPlan | undefined;
  for (let columns = 1; columns <= tiles; columns++) {
    const rows = Math.ceil(tiles / columns);
    const tile = fit({ width: cell(space.width, columns, gap), height: cell(space.height, rows, gap) }, shape);
    // Of two plans with tiles of one size, the one with fewer empty places looks better; it comes first.
    if (!best || area(tile) > area(best.tile) + 1) best = { columns, tile, scrolls: false };
  }
  if (best && best.tile.width >= smallest.width && best.tile.height >= smallest.height) return best;
  return scrollingPlan(tiles, space, gap);
}

/** As many columns as there is room for at the smallest width; rows go on below the edge. */
function scrollingPlan(tiles: number, space: Box, gap: number): GridPlan {
  const columns = Math.max(1, Math.min(tiles, Math.floor((space.width + gap) / (smallest.width + gap))));
  const width = Math.max(1, cell(space.width, columns, gap));
  return { columns, tile: { width, height: Math.max(smallest.height, Math.floor(width / (4 / 3))) }, scrolls: true };
}

function cell(length: number, parts: number, gap: number): number {
  return Math.floor((length - gap * (parts - 1)) / parts);
}

/** The largest tile of an allowed shape inside a cell. */
function fit({ width, height }: Box, shape: { narrowest: number; widest: number }): Box {
  const w = Math.max(0, Math.min(width, Math.floor(height * shape.widest)));
  const h = Math.max(0, Math.min(height, Math.floor(w / shape.narrowest)));
  return { width: w, height: h };
}

function area({ width, height }: Box): number {
  return width * height;
}
