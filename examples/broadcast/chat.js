import { connect } from "/rtc/client.js";

/** Asks the application for a token, and connects. `key` is that of the studio. */
export function join(name, key) {
  const query = new URLSearchParams({ name, ...(key && { key }) });
  return connect({
    url: `${location.origin}/rtc`,
    token: async () => {
      const response = await fetch(`/token?${query}`, { method: "POST" });
      if (!response.ok) throw new Error(await response.text());
      return await response.text();
    },
  });
}

/** A chat in `element`: a room without media. */
export function chat(client, element) {
  element.innerHTML = `<ol aria-live="polite"></ol>
    <form><input aria-label="Message" placeholder="Say something" maxlength="500" autocomplete="off"><button>Send</button></form>`;
  const [list, form] = element.children;
  const room = client.join("show");
  const show = (from, text, kind) => {
    const line = document.createElement("li");
    const who = document.createElement("b");
    who.textContent = from.replace(/^(studio|viewer)-/, "");
    line.append(who, ` ${text}`);
    line.className = kind;
    list.append(line);
    while (list.children.length > 200) list.firstChild.remove();
    line.scrollIntoView({ block: "nearest" });
  };
  room.on("message", ({ from, body }) =>
    show(from.user, String(body), from.user.startsWith("studio-") ? "studio" : ""),
  );
  form.onsubmit = async (event) => {
    event.preventDefault();
    const input = form.querySelector("input");
    const text = input.value.trim();
    if (text === "") return;
    input.value = "";
    try {
      await room.send(text);
      show(client.self.user, text, "own");
    } catch (error) {
      show("", `Not sent: ${error.message}`, "error");
    }
  };
}
