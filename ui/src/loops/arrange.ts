// Where keys stand: pages of a grid, as the role's layout says.

import type { Grid, Place } from "./wire.ts";

export interface Cell<T> {
  key: T;
  row: number;
  column: number;
}

/** One page of keys, in reading order. */
export interface Page<T> {
  number: number;
  rows: number;
  columns: number;
  cells: Cell<T>[];
}

/**
 * Spreads keys over pages. A key may stand in several places; one without a place is not shown, unless there is none
 * with one: a role without a layout still has its keys, side by side.
 */
export function arrange<T extends { places: readonly Place[] }>(keys: readonly T[], grid: Grid): Page<T>[] {
  const pages = new Map<number, Cell<T>[]>();
  for (const key of keys) {
    for (const { page, row, column } of key.places) {
      const cells = pages.get(page) ?? [];
      // Two keys in one place would hide each other; the first keeps it.
      if (!cells.some((c) => c.row === row && c.column === column)) cells.push({ key, row, column });
      pages.set(page, cells);
    }
  }
  if (pages.size === 0) return keys.length === 0 ? [] : [sideBySide(keys, grid)];
  return [...pages.entries()]
    .sort(([a], [b]) => a - b)
    .map(([number, cells]) => ({
      number,
      rows: Math.max(grid.rows, ...cells.map((c) => c.row)),
      columns: Math.max(grid.columns, ...cells.map((c) => c.column)),
      cells: cells.sort((a, b) => a.row - b.row || a.column - b.column),
    }));
}

function sideBySide<T>(keys: readonly T[], grid: Grid): Page<T> {
  const columns = grid.columns || Math.min(6, Math.ceil(Math.sqrt(keys.length * 1.4)));
  const cells = keys.map((key, i) => ({ key, row: Math.floor(i / columns) + 1, column: (i % columns) + 1 }));
  return { number: 1, rows: Math.max(grid.rows, Math.ceil(keys.length / columns)), columns, cells };
}

export type Direction = "left" | "right" | "up" | "down";

/** The key next to `from` in a direction, or undefined at the edge. Nearest along the direction, then nearest aside. */
export function neighbour<T>(cells: readonly Cell<T>[], from: Cell<T>, direction: Direction): Cell<T> | undefined {
  const along = (c: Cell<T>): number => {
    switch (direction) {
      case "left":
        return from.column - c.column;
      case "right":
        return c.column - from.column;
      case "up":
        return from.row - c.row;
      case "down":
        return c.row - from.row;
    }
  };
  const sideways = direction === "left" || direction === "right";
  const aside = (c: Cell<T>): number => Math.abs(sideways ? c.row - from.row : c.column - from.column);
  // Sideways one stays in the row; up and down, gaps are stepped over.
  const ahead = cells.filter((c) => along(c) > 0 && (!sideways || aside(c) === 0));
  return ahead.sort((a, b) => along(a) - along(b) || aside(a) - aside(b))[0];
}
