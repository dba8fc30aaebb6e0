import "$shared/styles/tokens.css";
import "$shared/styles/base.css";
import "$shared/styles/ansi.css";
import Desk from "$views/Desk.svelte";
import { mount } from "svelte";

mount(Desk, { target: document.body });
