/** Imported first by each command of npm: what went wrong is told in words, and not by a stack. */
process.on('uncaughtException', error => {
  console.error(error.message)
  process.exit(1)
})
