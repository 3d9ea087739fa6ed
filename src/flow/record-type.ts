const RECORD_TYPE = /^(?:text\/event-stream|application\/(?:x-ndjson|ndjson|jsonl|json-seq))(?:[ \t]*;|$)/i

/** Whether a media type stands for records that are to be read as they come: events, lines of JSON. */
export function hasRecords(contentType: string): boolean {
  return RECORD_TYPE.test(contentType)
}
