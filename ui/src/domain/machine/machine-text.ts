import type { BootStep, StepState } from "$shared/bindings";
import { m } from "$shared/messages/messages.js";
import type { Tone } from "$shared/ui/StateDot.svelte";
import type { Phase } from "./machine.svelte";

interface PhaseText {
  state: () => string;
  title: () => string;
  text: () => string;
  tone: Tone;
}

export const phases: Record<Phase, PhaseText> = {
  connecting: {
    state: m.machine_state_connecting,
    title: m.machine_title_connecting,
    text: m.machine_text_connecting,
    tone: "busy",
  },
  unreachable: {
    state: m.machine_state_unreachable,
    title: m.machine_title_unreachable,
    text: m.machine_text_unreachable,
    tone: "bad",
  },
  stopped: {
    state: m.machine_state_stopped,
    title: m.machine_title_stopped,
    text: m.machine_text_stopped,
    tone: "idle",
  },
  starting: {
    state: m.machine_state_starting,
    title: m.machine_title_starting,
    text: m.machine_text_starting,
    tone: "busy",
  },
  running: {
    state: m.machine_state_running,
    title: m.machine_title_running,
    text: m.machine_text_running,
    tone: "good",
  },
  stopping: {
    state: m.machine_state_stopping,
    title: m.machine_title_stopping,
    text: m.machine_text_stopping,
    tone: "busy",
  },
  failed: { state: m.machine_state_failed, title: m.machine_title_failed, text: m.machine_text_failed, tone: "bad" },
};

export const stepStates: Record<StepState, () => string> = {
  waiting: m.step_waiting,
  running: m.step_running,
  done: m.step_done,
  failed: m.step_failed,
};

const stepNames = new Map<string, () => string>(
  Object.entries({
    image: m.step_name_image,
    hypervisor: m.step_name_hypervisor,
    check: m.step_name_check,
    disk: m.step_name_disk,
    initramfs: m.step_name_initramfs,
    hardware: m.step_name_hardware,
    kernel: m.step_name_kernel,
    engine: m.step_name_engine,
    "guest-kernel": m.step_name_guest_kernel,
    "guest-root": m.step_name_guest_root,
    "guest-mounts": m.step_name_guest_mounts,
    "guest-config": m.step_name_guest_config,
    "guest-control": m.step_name_guest_control,
    "guest-clock": m.step_name_guest_clock,
    "guest-cgroups": m.step_name_guest_cgroups,
    "guest-modules": m.step_name_guest_modules,
    "guest-disk": m.step_name_guest_disk,
    "guest-network": m.step_name_guest_network,
    "guest-engine": m.step_name_guest_engine,
  }),
);

/** A step for people; one of a newer host by the name it came with. */
export function stepName(step: BootStep): string {
  return stepNames.get(step.name)?.() ?? step.name;
}

/** Whether the guest reports it: a part of what the host's steps waited for, so its time is not added to theirs. */
export function isGuestStep(step: BootStep): boolean {
  return step.name.startsWith("guest-");
}

const accelerations = new Map<string, () => string>(
  Object.entries({
    kvm: m.acceleration_kvm,
    hvf: m.acceleration_hvf,
    "hyper-v": m.acceleration_hyper_v,
    emulation: m.acceleration_emulation,
  }),
);

export function accelerationName(kind: string): string {
  return accelerations.get(kind)?.() ?? kind;
}
