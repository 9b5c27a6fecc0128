import type { Page } from "playwright-core";

/** What a person with a screen reader, a keyboard, weak sight or thick fingers would stumble over; empty when nothing. */
export function audit(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const problems: string[] = [];
    const root = document.querySelector("dialog[open]") ?? document.body;
    const visible = (element: Element) =>
      element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
      element.closest(".sr, [aria-hidden=true]") === null;
    const nameOf = (element: Element) => {
      const by = element.getAttribute("aria-labelledby");
      const label = element instanceof HTMLInputElement ? element.labels?.[0]?.textContent : undefined;
      return (
        element.getAttribute("aria-label") ??
        (by === null ? undefined : document.getElementById(by)?.textContent) ??
        label ??
        element.textContent ??
        ""
      ).trim();
    };
    const short = (element: Element) => `${element.tagName.toLowerCase()} “${nameOf(element).slice(0, 30)}”`;

    if (document.documentElement.lang === "") problems.push("the document has no language");
    if (document.title === "") problems.push("the document has no title");
    if (document.querySelectorAll("main").length !== 1) problems.push("there is not one main landmark");
    if (document.querySelector("header") === null) problems.push("there is no banner");
    if (document.querySelector("[role=status]") === null) problems.push("nothing speaks the state");
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    for (const id of ids)
      if (ids.filter((one) => one === id).length > 1) problems.push(`two have the id ${id}`);
    if (document.documentElement.scrollWidth > innerWidth) problems.push("the page scrolls sideways");
    const wide = innerWidth >= 720 && document.querySelector(".layout") !== null;
    if (wide && document.documentElement.scrollHeight > innerHeight)
      problems.push("the layout is higher than the window");

    for (const element of root.querySelectorAll(
      "button, a, input, textarea, video, [role=img], [role=group], section, nav",
    )) {
      if (visible(element) && nameOf(element) === "")
        problems.push(`${element.outerHTML.slice(0, 60)} has no name`);
    }
    const fine = matchMedia("(pointer: fine)").matches;
    for (const element of root.querySelectorAll("button, a, input, textarea, summary")) {
      if (!visible(element)) continue;
      const { width, height } = element.getBoundingClientRect();
      const least = fine && element.matches(".rung button, .flow button") ? 32 : 44;
      // Where it is scrolled by a part of a pixel, 44 measure as 43.99.
      if (Math.round(height) < least || Math.round(width) < 44)
        problems.push(`${short(element)} is ${Math.round(width)} by ${Math.round(height)}`);
    }

    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const mixed = new Map<string, number[]>();
    const rgb = (color: string, under: readonly number[]): number[] => {
      const key = `${color} on ${under}`;
      const known = mixed.get(key) ?? mix(color, under);
      mixed.set(key, known);
      return known;
    };
    const mix = (color: string, under: readonly number[]): number[] => {
      if (canvas === null) return [0, 0, 0];
      canvas.fillStyle = `rgb(${under.join(" ")})`;
      canvas.fillRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (color: readonly number[]) => {
      const [r = 0, g = 0, b = 0] = color.map((value) => {
        const part = value / 255;
        return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element: Element): number[] => {
      const chain: Element[] = [];
      for (let one: Element | null = element; one !== null; one = one.parentElement) chain.unshift(one);
      return chain.reduce((under, one) => rgb(getComputedStyle(one).backgroundColor, under), [255, 255, 255]);
    };
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
      const element = node.parentElement;
      if (element === null || node.textContent?.trim() === "" || !visible(element)) continue;
      if (element.closest("[disabled]") !== null) continue;
      const under = behind(element);
      const [a, b] = [luminance(rgb(getComputedStyle(element).color, under)), luminance(under)];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (contrast < 5.5)
        problems.push(`“${node.textContent?.slice(0, 30)}” has a contrast of ${contrast.toFixed(2)}`);
    }
    return [...new Set(problems)];
  });
}

/** The same in light and in dark: each finding says which. */
export async function auditThemes(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    // Colors that fade into each other would be measured halfway.
    await page.evaluate(() => {
      for (const animation of document.getAnimations())
        if (animation instanceof CSSTransition) animation.finish();
    });
    for (const problem of await audit(page)) found.push(`${colorScheme}: ${problem}`);
  }
  return found;
}
