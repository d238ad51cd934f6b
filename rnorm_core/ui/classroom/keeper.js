// Keeps the owner's key of a room in this browser, so that a reload finds it, and takes it out of the address.

const NAME = "class vote owner";

function stored(change) {
  try {
    if (change !== undefined) change ? localStorage.setItem(NAME, change) : localStorage.removeItem(NAME);
    return localStorage.getItem(NAME);
  } catch {
    return null; // a browser that keeps nothing: the owner link is the only way back
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // only secure pages have a clipboard; others copy what is selected
    const box = document.createElement("textarea");
    box.value = text;
    box.style.cssText = "position: fixed; opacity: 0";
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }
}

export default function ({ data, setTriggerValue, parentElement }) {
  const given = /^#owner=(\w+\.[\w-]+)$/.exec(location.hash)?.[1];
  if (location.hash.startsWith("#owner=")) {
    history.replaceState(history.state, "", location.pathname + location.search);
  }
  if (data.forget) stored("");
  if (data.keep) stored(data.keep);
  const found = given ?? stored();
  if (data.asks && found) setTriggerValue("found", found);
  const button = parentElement.querySelector("button");
  button.hidden = !data.link;
  button.onclick = async () => {
    await copy(data.link);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy your own link"; }, 2000);
  };
}
