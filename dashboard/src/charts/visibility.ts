// What the reader has switched off in a legend. One per page: a run that is
// hidden in one plot is hidden in all.

const hidden = new Set<string>();
const listeners: (() => void)[] = [];

export function isVisible({ key, within }: { key: string; within?: string }): boolean {
  return !hidden.has(key) && !(within !== undefined && hidden.has(within));
}

export function toggle(key: string): void {
  if (!hidden.delete(key)) hidden.add(key);
  for (const redraw of listeners) redraw();
}

export function onVisibilityChange(redraw: () => void): void {
  listeners.push(redraw);
}
