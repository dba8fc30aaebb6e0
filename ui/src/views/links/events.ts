import { events, type Kind } from "$shared/bindings";

/** Hears that the list of one kind is to be read again. Ends with the window. */
export function onEngineChanged(kind: Kind, hear: () => void): Promise<unknown> {
  return events.engineChanged.listen((event) => {
    if (event.payload.includes(kind)) hear();
  });
}
