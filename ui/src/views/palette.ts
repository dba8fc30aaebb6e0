import { shortId, stateText } from "$domain/containers/container-text";
import { isLive } from "$domain/containers/containers.svelte";
import { languageNames, languages } from "$shared/language.svelte";
import { m } from "$shared/messages/messages.js";
import { words } from "$shared/search";
import { themes, type Theme } from "$shared/theme.svelte";
import type { IconName } from "$shared/ui/Icon.svelte";
import type { Desk } from "./desk.svelte";
import { entries } from "./entries";
import { views } from "./navigation.svelte";

/** Something the palette offers. */
export interface Offer {
  key: string;
  icon: IconName;
  /** What it is of, in a word. */
  kind: string;
  title: string;
  hint?: string;
  /** Words that find it besides its title. */
  words: string;
  run: () => void;
}

/** How many are shown at once. */
const SHOWN = 50;

const themeNames: Record<Theme, () => string> = { system: m.theme_system, light: m.theme_light, dark: m.theme_dark };

function goes(desk: Desk): Offer[] {
  return views.map((view) => ({
    key: `view-${view}`,
    icon: entries[view].icon,
    kind: m.palette_view(),
    title: entries[view].title(),
    words: view,
    run: () => desk.navigation.go(view),
  }));
}

function objects(desk: Desk): Offer[] {
  return (desk.containers.rows ?? []).map((row) => ({
    key: `container-${row.id}`,
    icon: "containers",
    kind: m.palette_container(),
    title: row.name,
    hint: stateText(row),
    words: `${row.image} ${shortId(row.id)}`,
    run: () => desk.navigation.go("containers", row.id),
  }));
}

function actions(desk: Desk): Offer[] {
  const { containers, machine, theme, language } = desk;
  const act = (key: string, icon: IconName, title: string, words: string, run: () => void): Offer => {
    return { key, icon, kind: m.palette_action(), title, words, run };
  };
  const on = (containers.rows ?? []).flatMap((row) =>
    isLive(row)
      ? [
          act(`stop-${row.id}`, "stop", m.container_stop_named({ name: row.name }), "stop", () => containers.stop(row)),
          act(`restart-${row.id}`, "restart", m.container_restart_named({ name: row.name }), "restart", () =>
            containers.restart(row),
          ),
        ]
      : [
          act(`start-${row.id}`, "start", m.container_start_named({ name: row.name }), "start", () =>
            containers.start(row),
          ),
        ],
  );
  const power =
    machine.phase === "stopped" || machine.phase === "failed"
      ? [act("machine-start", "start", m.machine_start(), "machine start", () => void machine.start())]
      : [];
  const runs =
    machine.phase === "running" ? [act("run", "plus", m.run_open(), "run new create", () => desk.run.show())] : [];
  return [
    ...power,
    ...runs,
    ...on,
    ...themes.map((value) =>
      act(`theme-${value}`, value, m.action_theme({ name: themeNames[value]() }), `theme ${value}`, () =>
        theme.choose(value),
      ),
    ),
    ...languages.map((value) =>
      act(`language-${value}`, "settings", m.action_language({ name: languageNames[value] }), `language ${value}`, () =>
        language.choose(value),
      ),
    ),
  ];
}

/** How well an offer fits: the place of each word of the query, or nothing when one is missing. */
function fit(offer: Offer, query: readonly string[]): number | undefined {
  const title = offer.title.toLowerCase();
  const all = `${title} ${offer.words} ${offer.kind}`.toLowerCase();
  let rank = 0;
  for (const word of query) {
    const at = all.indexOf(word);
    if (at < 0) return undefined;
    rank += at === 0 ? 0 : at < title.length ? 1 : 2;
  }
  return rank;
}

/** What there is to find, what fits best first. Without a query: views, then objects, then actions. */
export function offers(desk: Desk, query: string): Offer[] {
  const wanted = words(query);
  const all = [...goes(desk), ...objects(desk), ...actions(desk)];
  if (wanted.length === 0) return all.slice(0, SHOWN);
  const ranked = all.map((offer) => ({ offer, rank: fit(offer, wanted) }));
  const found = ranked.filter((entry): entry is { offer: Offer; rank: number } => entry.rank !== undefined);
  return found
    .sort((a, b) => a.rank - b.rank)
    .slice(0, SHOWN)
    .map(({ offer }) => offer);
}
