// The images of the draft: from the file dialog, dropped or pasted, with thumbnails, buttons to remove them and sizes.
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

/** Loads an image of this site in the form of a message. */
export async function fetchImage(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: status ${response.status}`);
  return read(new File([await response.blob()], path.split("/").pop(), {type: response.headers.get("content-type")}));
}

/**
 * The row of thumbnails above the text: `container` holds them, `note` shows their size, `announce` informs screen
 * readers.
 */
export class Images {
  #list = [];

  /** Resolves when every added file has been read. */
  ready = Promise.resolve();

  constructor(container, note, announce) {
    Object.assign(this, {container, note, announce});
  }

  get isEmpty() {
    return this.#list.length === 0;
  }

  /** Adds files, one call after the other. Names and omits files that are not images the server can read. */
  add(files) {
    return (this.ready = this.ready.then(() => this.#add(files)));
  }

  async #add(files) {
    const rejected = [];
    for (const file of files) {
      if (!TYPES.includes(file.type)) {
        rejected.push(`${file.name || "The pasted file"} is not a PNG, JPEG, WebP or GIF.`);
        continue;
      }
      try {
        this.#list.push(await read(file));
      } catch {
        rejected.push(`${file.name} cannot be read.`);
      }
    }
    if (rejected.length) return this.tell(rejected.join(" "));
    this.#show([]);
    this.announce(`${counted(this.#list.length, "image")} in the message.`);
  }

  /** Shows below the row why a file was not added. */
  tell(words) {
    this.#show([words]);
    this.announce(words);
  }

  /** Removes and returns the images. */
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
    const buttons = this.container.querySelectorAll("button");
    (buttons[Math.min(index, buttons.length - 1)] ?? document.getElementById("text")).focus();
  }

  #show(rejected) {
    this.container.hidden = this.isEmpty;
    this.container.replaceChildren(
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
    const warnings = [...rejected, ...this.#warnings()];
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
      : `${counted(this.#list.length, "image")}, ${bytes(this.#total())} of at most ${bytes(LIMITS.body)} to send.`;
  }

  /** What the server will probably reject; its own answer decides. */
  #warnings() {
    const large = this.#list.filter((image) => image.bytes > LIMITS.bytes).map((image) => image.name);
    return [
      large.length > 0 && `Larger than the limit of ${bytes(LIMITS.bytes)} per image: ${large.join(", ")}.`,
      this.#list.length > LIMITS.count && `More than the limit of ${LIMITS.count} images per message.`,
      this.#total() > LIMITS.body && "Too large for one request.",
    ].filter(Boolean);
  }
}
