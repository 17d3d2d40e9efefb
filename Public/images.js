// The images of the message being written: from the file dialog, dropped or pasted; thumbnails that can be taken away;
// how large they are.
import {LIMITS} from "./conversation.js";
import {element} from "./element.js";
import {bytes, counted} from "./format.js";

const TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"];

function read(file) {
  const {promise, resolve, reject} = Promise.withResolvers();
  const reader = new FileReader();
  reader.onload = () => resolve({name: file.name || "image", url: reader.result, bytes: file.size});
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(file);
  return promise;
}

/** An image of this site, as it stands in a message. */
export async function fetchImage(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: status ${response.status}`);
  return read(new File([await response.blob()], path.split("/").pop(), {type: response.headers.get("content-type")}));
}

/**
 * The row of thumbnails above the text. `place` holds them, `note` the sentence about their size, `announce` tells a
 * screen reader.
 */
export class Images {
  #list = [];

  /** Fulfilled when every file that was added has been read. */
  ready = Promise.resolve();

  constructor(place, note, announce) {
    Object.assign(this, {place, note, announce});
  }

  get isEmpty() {
    return this.#list.length === 0;
  }

  /** Adds files, one call after the other; those that are no image this server reads are named and left out. */
  add(files) {
    return (this.ready = this.ready.then(() => this.#add(files)));
  }

  async #add(files) {
    const refused = [];
    for (const file of files) {
      if (!TYPES.includes(file.type)) {
        refused.push(`${file.name || "What was pasted"} is not a PNG, JPEG, WebP or GIF.`);
        continue;
      }
      try {
        this.#list.push(await read(file));
      } catch {
        refused.push(`${file.name} cannot be read.`);
      }
    }
    if (refused.length) return this.tell(refused.join(" "));
    this.#show([]);
    this.announce(`${counted(this.#list.length, "image")} in the message.`);
  }

  /** Says below the row why something is not in it. */
  tell(words) {
    this.#show([words]);
    this.announce(words);
  }

  /** Takes the images out of the row. */
  take() {
    const list = this.#list;
    this.#list = [];
    this.#show([]);
    return list;
  }

  #remove(image) {
    const index = this.#list.indexOf(image);
    this.#list.splice(index, 1);
    this.#show([]);
    this.announce(`${image.name} removed.`);
    const buttons = this.place.querySelectorAll("button");
    (buttons[Math.min(index, buttons.length - 1)] ?? document.getElementById("text")).focus();
  }

  #show(refused) {
    this.place.hidden = this.isEmpty;
    this.place.replaceChildren(
      ...this.#list.map((image) =>
        element(
          "li",
          {},
          element("img", {src: image.url, alt: image.name, title: image.name}),
          element(
            "button",
            {type: "button", "aria-label": `Remove ${image.name}`, title: "Remove", onclick: () => this.#remove(image)},
            "×",
          ),
        ),
      ),
    );
    const warnings = [...refused, ...this.#warnings()];
    this.note.textContent = [this.#size(), ...warnings].filter(Boolean).join(" ");
    this.note.classList.toggle("bad", warnings.length > 0);
    this.note.hidden = this.note.textContent === "";
  }

  #total() {
    return this.#list.reduce((sum, image) => sum + image.url.length, 0);
  }

  #size() {
    return this.isEmpty
      ? ""
      : `${counted(this.#list.length, "image")}, ${bytes(this.#total())} to send of ${bytes(LIMITS.body)} at most.`;
  }

  /** What the server will most likely refuse; its own answer decides. */
  #warnings() {
    const large = this.#list.filter((image) => image.bytes > LIMITS.bytes).map((image) => image.name);
    return [
      large.length > 0 && `Larger than the ${bytes(LIMITS.bytes)} an image may have: ${large.join(", ")}.`,
      this.#list.length > LIMITS.count && `More than the ${LIMITS.count} images a message may have.`,
      this.#total() > LIMITS.body && "Too much for one request.",
    ].filter(Boolean);
  }
}
