#!/usr/bin/env bash
# A disk that fails to give what a statement reads (EIO, also ENXIO) is told by SQLite as SQLITE_CORRUPT, "database disk image is malformed",
# and not as SQLITE_IOERR: its VFS for Unix takes those two for a corrupt file system, and the virtual machine makes damage of that. Where
# the write fails in the same way, it is SQLITE_IOERR, "disk I/O error". It hurts whoever acts on the code, programs and
# people: they bring a backup back over a database that is sound, or give it up, where a cable or a volume has to be seen to.
# Way around: read the file by other means, in another process (closing a descriptor gives up SQLite's locks), and look at errno.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

machine=$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
npm install --silent --no-audit --no-fund --prefix "$folder" "node-linux-$machine@24.21.0"
node=$folder/node_modules/node-linux-$machine/bin/node

# A disk that fails, as far as one process can tell: calls on this database fail with EIO while there is a file of that name.
cat > disk.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int fails(int file, const char *when) {
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strstr(path, "/tides.sqlite") && access(when, F_OK) == 0;
}
ssize_t pread64(int file, void *bytes, size_t count, off64_t position) {
  if (fails(file, "reads-fail")) return errno = EIO, -1;
  return ((ssize_t (*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64"))(file, bytes, count, position);
}
ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t position) {
  if (fails(file, "writes-fail")) return errno = EIO, -1;
  return ((ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64"))(file, bytes, count, position);
}
C
gcc -shared -fPIC -o disk.so disk.c -ldl

cat > tides.cjs <<'JS'
const { rmSync, writeFileSync } = require('node:fs')
const { DatabaseSync } = require('node:sqlite')
const path = `${process.cwd()}/tides.sqlite`
const whatever = (what, work) => {
  try {
    console.log(`${what}:`, JSON.stringify(work()))
  } catch ({ errcode, message }) {
    console.log(`${what}: ${errcode}, ${message}`)
  }
}
const made = new DatabaseSync(path)
made.exec("CREATE TABLE tides (level REAL); INSERT INTO tides VALUES (6.2)")
made.close()
const database = new DatabaseSync(path)
const tides = database.prepare('SELECT * FROM tides')
writeFileSync('reads-fail', '')
whatever('the disk fails to be read', () => tides.all())
rmSync('reads-fail')
whatever('it is there again', () => tides.all())
whatever('and the database is', () => database.prepare('PRAGMA integrity_check').get())
writeFileSync('writes-fail', '')
whatever('the disk fails to be written', () => database.exec('INSERT INTO tides VALUES (5.1)'))
JS

"$node" --version
"$node" -p '`SQLite ${process.versions.sqlite}`'
LD_PRELOAD=$folder/disk.so "$node" tides.cjs | tee seen
diff seen - <<'WANTED' && echo 'as it was seen'
the disk fails to be read: 11, database disk image is malformed
it is there again: [{"level":6.2}]
and the database is: {"integrity_check":"ok"}
the disk fails to be written: 778, disk I/O error
WANTED
