/**
 * A library writes `<style>` elements, which the content security policy refuses. What is in them is taken over as a
 * style sheet made by script, which it allows. Ends with the answer.
 */
export function adoptStyles(root: HTMLElement): () => void {
  const sheets = new Map<HTMLStyleElement, CSSStyleSheet>();
  const put = () => {
    const others = document.adoptedStyleSheets.filter((sheet) => ![...sheets.values()].includes(sheet));
    document.adoptedStyleSheets = [...others, ...sheets.values()];
  };
  const take = () => {
    const styles = [...root.querySelectorAll("style")];
    for (const gone of [...sheets.keys()].filter((style) => !styles.includes(style))) sheets.delete(gone);
    for (const style of styles) {
      const sheet = sheets.get(style) ?? new CSSStyleSheet();
      sheet.replaceSync(style.textContent ?? "");
      sheets.set(style, sheet);
    }
    put();
  };
  const observer = new MutationObserver((changes) => {
    const styled = (node: Node) => node instanceof HTMLStyleElement || node.parentNode instanceof HTMLStyleElement;
    if (changes.some((change) => [change.target, ...change.addedNodes, ...change.removedNodes].some(styled))) take();
  });
  observer.observe(root, { childList: true, subtree: true, characterData: true });
  take();
  return () => {
    observer.disconnect();
    sheets.clear();
    put();
  };
}
