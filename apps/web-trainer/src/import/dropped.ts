import type { BroughtFile } from './protocol.js';

/** What was dropped: files, and folders with all that is in them. */
export async function droppedFiles(transfer: DataTransfer): Promise<BroughtFile[]> {
  // Entries must be asked for before the first await: afterwards the list is empty.
  const entries = [...transfer.items]
    .map((item) => item.webkitGetAsEntry())
    .filter((entry) => entry !== null);
  const found: BroughtFile[] = [];
  for (const entry of entries) await gather(entry, '', found);
  return found;
}

/** What was picked; the first folder of a picked folder's paths is its own name, and no class. */
export function pickedFiles(files: FileList): BroughtFile[] {
  return [...files].map((file) => ({
    path: file.webkitRelativePath.split('/').slice(1).join('/') || file.name,
    file,
  }));
}

async function gather(entry: FileSystemEntry, folder: string, found: BroughtFile[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    found.push({ path: `${folder}${entry.name}`, file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A folder is read in parts; the last is empty.
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (part.length === 0) return;
    for (const child of part) await gather(child, `${folder}${entry.name}/`, found);
  }
}
