/** Hostile text made fit for a message or a log line: one line, in quotes, and never long. */
export function quote(text: string, maxCharacters = 80): string {
  if (text.length <= maxCharacters) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, maxCharacters))}… (${text.length} characters)`;
}
