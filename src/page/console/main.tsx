import { render } from "preact";
import { Console } from "./console.ts";
import { Shell } from "./shell.tsx";

const root = document.getElementById("page");
const owner = new Console();
if (root !== null) render(<Shell owner={owner} />, root);
void owner.open();
