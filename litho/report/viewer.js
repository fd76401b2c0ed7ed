"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const svg = $("view");
  const numbers = (name) => svg.dataset[name].split(" ").map(Number);
  const [width] = numbers("width"), [height] = numbers("height"), [x0, y0] = numbers("origin");
  const focus = numbers("focus"), field = [0, 0, width, height];
  let box = focus; // x, y (down, from the upper left corner), width, height of what is shown, nm

  // size of a screen pixel in nm, and the lower left corner of what the whole element shows
  const frame = () => {
    const { width: w, height: h } = svg.getBoundingClientRect();
    const nm = Math.max(box[2] / w, box[3] / h);
    return { w, h, nm, left: box[0] + box[2] / 2 - (w * nm) / 2, top: box[1] + box[3] / 2 - (h * nm) / 2 };
  };
  const at = (event) => {
    const { left, top, nm } = frame(), rect = svg.getBoundingClientRect();
    return [left + (event.clientX - rect.left) * nm, top + (event.clientY - rect.top) * nm];
  };
  const show = (next) => {
    box = next;
    svg.setAttribute("viewBox", box.join(" "));
    const { nm } = frame(), longest = 160 * nm, power = 10 ** Math.floor(Math.log10(longest));
    const length = power * [5, 2, 1].find((m) => m * power <= longest);
    $("scale").firstElementChild.style.width = `${length / nm}px`;
    $("scale").lastElementChild.textContent = length >= 1000 ? `${length / 1000} µm` : `${+length.toPrecision(2)} nm`;
  };
  const zoom = (factor, [x, y] = [box[0] + box[2] / 2, box[1] + box[3] / 2]) => {
    const side = Math.max(box[2], box[3]), most = 3 * Math.max(width, height);
    const f = Math.min(Math.max(factor, 2 / side), most / side);
    show([x + (box[0] - x) * f, y + (box[1] - y) * f, box[2] * f, box[3] * f]);
  };
  const move = (dx, dy) => show([box[0] + dx, box[1] + dy, box[2], box[3]]);

  // intensity at the cursor, read back from the colours of the embedded image
  const image = svg.querySelector("image"), palette = new Map();
  svg.dataset.palette.match(/.{6}/g).forEach((color, k) => palette.set(parseInt(color, 16), k / 255));
  let pixels = null;
  const picture = new Image();
  picture.onload = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, 0);
    pixels = context.getImageData(0, 0, picture.width, picture.height);
  };
  picture.src = image.getAttribute("href");
  const intensity = (x, y) => {
    const part = (name) => Number(image.getAttribute(name));
    const column = Math.floor(((x - part("x")) / part("width")) * (pixels ? pixels.width : 0));
    const row = Math.floor(((y - part("y")) / part("height")) * (pixels ? pixels.height : 0));
    if (!pixels || column < 0 || row < 0 || column >= pixels.width || row >= pixels.height) return null;
    const [r, g, b] = pixels.data.slice(4 * (row * pixels.width + column));
    const share = palette.get((r << 16) | (g << 8) | b);
    return share === undefined ? null : share * Number(svg.dataset.brightest);
  };
  const tell = ([x, y]) => {
    const value = intensity(x, y);
    const place = `x ${(x0 + x).toFixed(1)}  y ${(y0 + height - y).toFixed(1)} nm`;
    $("cursor").textContent = value === null ? place : `${place}  intensity ${value.toFixed(3)}`;
  };
  const measure = ([xa, ya], [xb, yb]) => {
    Object.entries({ x1: xa, y1: ya, x2: xb, y2: yb }).forEach(([k, v]) => $("ruler").setAttribute(k, v));
    $("ruler").removeAttribute("hidden");
    const [dx, dy] = [xb - xa, ya - yb];
    $("cursor").textContent = `${Math.hypot(dx, dy).toFixed(1)} nm  (${dx.toFixed(1)}, ${dy.toFixed(1)})`;
  };

  const fingers = new Map();
  let start = null; // of a ruler
  svg.addEventListener("pointerdown", (event) => {
    svg.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
    start = event.shiftKey ? at(event) : null;
    $("ruler").setAttribute("hidden", "");
  });
  svg.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (start) return measure(start, at(event));
    if (before) {
      const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
      const { nm } = frame();
      if (other) {
        const apart = (finger) => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
        zoom(apart(before) / Math.max(apart(event), 1), at(other));
      } else move((before.clientX - event.clientX) * nm, (before.clientY - event.clientY) * nm);
      fingers.set(event.pointerId, event);
    }
    tell(at(event));
  });
  for (const name of ["pointerup", "pointercancel"]) {
    svg.addEventListener(name, (event) => { fingers.delete(event.pointerId); start = null; });
  }
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(1.0015 ** (event.deltaY * (event.deltaMode === 1 ? 33 : 1)), at(event));
    tell(at(event));
  }, { passive: false });

  const switches = [...document.querySelectorAll("[data-layer]")];
  const apply = () => {
    for (const input of switches) {
      input.dataset.layer.split(" ").forEach((id) => $(id).toggleAttribute("hidden", !input.checked));
    }
    const on = switches.find((input) => input.dataset.layer === "aerial").checked;
    svg.closest("main").classList.toggle("on-image", on);
    $("intensity").hidden = !on;
  };
  switches.forEach((input) => input.addEventListener("change", apply));

  const violations = ["violations", "rule_marks"].flatMap((id) =>
    [...$(id).getAttribute("d").matchAll(/M(-?\d+) (-?\d+)l(-?\d+) ?(-?\d+)/g)]).map((m) => m.slice(1).map(Number));
  let current = -1;
  const next = () => {
    if (!violations.length) return;
    current = (current + 1) % violations.length;
    const [x, y, dx, dy] = violations[current], side = 160;
    show([(x + dx / 2) / 10 - side / 2, height - (y + dy / 2) / 10 - side / 2, side, side]);
    $("halo").setAttribute("d", `M${x} ${y}l${dx} ${dy}`);
    $("next").textContent = `Violation ${current + 1} of ${violations.length}`;
  };
  $("next").disabled = !violations.length;
  if (!violations.length) $("next").textContent = "No violation";

  const step = () => 0.15 * Math.max(box[2], box[3]);
  const keys = {
    f: () => show(focus), a: () => show(field), n: next, "+": () => zoom(0.8), "=": () => zoom(0.8), "-": () => zoom(1.25),
    ArrowLeft: () => move(-step(), 0), ArrowRight: () => move(step(), 0),
    ArrowUp: () => move(0, -step()), ArrowDown: () => move(0, step()),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const layer = switches[Number(event.key) - 1];
    const arrow = event.key.startsWith("Arrow");
    const action = layer ? () => layer.click() : keys[arrow ? event.key : event.key.toLowerCase()];
    if (!action || (arrow && document.activeElement !== svg)) return;
    event.preventDefault();
    action();
  });
  for (const [id, key] of [["fit", "f"], ["all", "a"], ["in", "+"], ["out", "-"], ["next", "n"]]) {
    $(id).addEventListener("click", keys[key]);
  }
  window.addEventListener("resize", () => show(box));
  apply();
  show(focus);
})();
