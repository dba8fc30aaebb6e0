import { m } from "$shared/messages/messages.js";
import type { IconName } from "$shared/ui/Icon.svelte";
import type { Component } from "svelte";
import ContainersView from "./ContainersView.svelte";
import type { Desk } from "./desk.svelte";
import ImagesView from "./ImagesView.svelte";
import MachineView from "./MachineView.svelte";
import type { View } from "./navigation.svelte";
import NetworksView from "./NetworksView.svelte";
import PortsView from "./PortsView.svelte";
import SettingsView from "./SettingsView.svelte";

/** How a view is shown and named. */
export interface Entry {
  icon: IconName;
  title: () => string;
  subtitle: () => string;
  component: Component<{ desk: Desk }>;
  /** Where it is reached from besides the palette. */
  place: "nav" | "header";
}

export const entries: Record<View, Entry> = {
  containers: {
    icon: "containers",
    title: m.nav_containers,
    subtitle: m.containers_subtitle,
    component: ContainersView,
    place: "nav",
  },
  images: {
    icon: "image",
    title: m.nav_images,
    subtitle: m.images_subtitle,
    component: ImagesView,
    place: "nav",
  },
  networks: {
    icon: "networks",
    title: m.nav_networks,
    subtitle: m.networks_subtitle,
    component: NetworksView,
    place: "nav",
  },
  ports: {
    icon: "ports",
    title: m.nav_ports,
    subtitle: m.ports_subtitle,
    component: PortsView,
    place: "nav",
  },
  machine: {
    icon: "machine",
    title: m.nav_machine,
    subtitle: m.machine_subtitle,
    component: MachineView,
    place: "nav",
  },
  settings: {
    icon: "settings",
    title: m.nav_settings,
    subtitle: m.settings_subtitle,
    component: SettingsView,
    place: "header",
  },
};
