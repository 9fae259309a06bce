// What a reader says of the results: kept in this browser, so that a reload loses nothing, until it is removed.

/** The readings of one run, by what they are about. Each is {judgement, comment, values: {column: text}, at}. */
class Corrections {
  constructor(run) {
    this.key = `echocare-readings:${run}`;
    this.isKept = true; // by the browser; else as long as the page is open
    this.onChange = [];
    this.all = new Map(Object.entries(this.stored()));
    window.addEventListener("beforeunload", (event) => {
      if (!this.isKept && this.all.size) event.preventDefault();
    });
  }

  /** What the browser has kept; a browser that keeps nothing for files is no error. */
  stored() {
    try {
      return JSON.parse(window.localStorage.getItem(this.key)) || {};
    } catch (error) {
      this.isKept = false;
      return {};
    }
  }

  /** The reading of something; an empty one where there is none. */
  of(about) {
    return this.all.get(about) || { judgement: "", comment: "", values: {} };
  }

  /** Keep a reading; one that says nothing is removed. */
  set(about, reading) {
    const says = reading.judgement || reading.comment || Object.values(reading.values).some(Boolean);
    if (says) this.all.set(about, Object.assign({}, reading, { at: reading.at || new Date().toISOString().slice(0, 19) }));
    else this.all.delete(about);
    this.keep();
  }

  /** Remove all of them. */
  clear() {
    this.all.clear();
    this.keep();
  }

  /** Give them to the browser to keep. */
  keep() {
    try {
      if (this.all.size) window.localStorage.setItem(this.key, JSON.stringify(Object.fromEntries(this.all)));
      else window.localStorage.removeItem(this.key);
      this.isKept = true;
    } catch (error) {
      this.isKept = false;
    }
    this.onChange.forEach((run) => run());
  }
}

/** What a row is about, in a text that no other row has. */
function aboutOf(found, row, bundle) {
  return JSON.stringify([bundle.name, found.source, row.level || "frame", row.frame === undefined ? null : row.frame]);
}

/** Whether a reader has said something of a case. */
function isRead(found, bundle, corrections) {
  return found.rows.some((row) => corrections.all.has(aboutOf(found, row, bundle)));
}
