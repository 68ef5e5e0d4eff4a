// Big keys for a panel without a keyboard. A real keyboard works beside them.
"use strict";

const LAYERS = {
  // The letters of one-time codes, see shared/secrets.py.
  code: ["ABCDEFGHJKL", "MNPQRSTUVWX", "YZ23456789-"],
  digits: ["123", "456", "789", "0"],
  lower: ["1234567890", "qwertzuiop", "asdfghjkl-", "yxcvbnm@._"],
  upper: ["1234567890", "QWERTZUIOP", "ASDFGHJKL-", "YXCVBNM@._"],
  signs: ["!\"#$%&/()=", "+*~'`^°<>|", "{}[]\\?;:,€", "äöüÄÖÜßéè§"],
};

class Keys {
  constructor(box, words) {
    this.box = box;
    this.words = words;
    this.field = document.getElementById(box.dataset.for);
    this.layer = ["code", "digits"].includes(box.dataset.layout) ? box.dataset.layout : "lower";
    for (const input of box.closest("form").querySelectorAll("input")) {
      input.addEventListener("focus", () => { this.field = input; });
    }
    this.draw();
  }

  layout() {
    const rows = LAYERS[this.layer];
    if (document.documentElement.lang === "de") return rows;
    // English keys stand in another order.
    const swap = { y: "z", z: "y", Y: "Z", Z: "Y" };
    return this.layer === "code" ? rows : rows.map((row) => row.replace(/[yz]/gi, (sign) => swap[sign]));
  }

  draw() {
    const rows = this.layout().map((row) => this.row([...row].map((sign) => this.key(sign, () => this.type(sign)))));
    // Digits stand as at a cash machine: zero in the middle, erase at its right.
    if (this.layer === "digits") rows.at(-1).append(...this.specials());
    else rows.push(this.row(this.specials()));
    this.box.replaceChildren(...rows);
  }

  specials() {
    const erase = this.key("⌫", () => this.erase(), this.words().key_erase);
    if (this.layer === "digits") return [erase];
    erase.classList.add("wide");
    if (this.layer === "code") return [erase];
    const shift = this.key("⇧", () => this.turn("upper"), this.words().key_shift);
    const signs = this.key("#+=", () => this.turn("signs"), this.words().key_symbols);
    shift.setAttribute("aria-pressed", String(this.layer === "upper"));
    signs.setAttribute("aria-pressed", String(this.layer === "signs"));
    const space = this.key(this.words().key_space, () => this.type(" "));
    space.classList.add("widest");
    return [shift, signs, space, erase];
  }

  row(keys) {
    const row = document.createElement("div");
    row.className = "keyrow";
    row.append(...keys);
    return row;
  }

  key(label, act, name) {
    const key = document.createElement("button");
    key.type = "button";
    key.className = "key";
    key.textContent = label;
    if (name) key.setAttribute("aria-label", name);
    key.addEventListener("click", act);
    return key;
  }

  turn(layer) {
    this.layer = this.layer === layer ? "lower" : layer;
    this.draw();
  }

  type(sign) {
    if (this.field.value.length >= this.field.maxLength) return;
    this.field.value += sign;
    this.field.dispatchEvent(new Event("input", { bubbles: true }));
    if (this.layer === "upper") this.turn("upper");
  }

  erase() {
    this.field.value = this.field.value.slice(0, -1);
  }
}
