import { quoteWord } from './quote.js';

/**
 * What runs on a host, in POSIX sh with /proc. The client's words come in SSH_ORIGINAL_COMMAND, which sshd sets for a forced
 * command: it also marks every process of the action, from the first on, for whoever looks into their environment.
 */

/** Markers of used certificates and of actions that began; kept for a week, then swept by the next command. */
const KEEP_MARKERS = `markers=$HOME/.countersign
mask=$(umask)
umask 077
mkdir -p "$markers" && [ -O "$markers" ] || exit 73
umask "$mask"
`;

/** `parse_words VERB`: the words of SSH_ORIGINAL_COMMAND into $words after the verb and the action's id, in $id. */
const PARSE_WORDS = `parse_words() {
  verb=$1
  set -f
  set -- $SSH_ORIGINAL_COMMAND
  set +f
  [ "$1" = "$verb" ] && [ $# -ge 2 ] || exit 64
  id=$2
  shift 2
  words=$*
  case $id$words in *[!A-Za-z0-9._+/@:,=\\ -]*) exit 64 ;; esac
  case $id in *[!0-9A-Z]* | "") exit 64 ;; esac
}
`;

/** `tell_facts PATH…`: lines of tab-separated fields that say who and where this is, and what those programs are. */
const TELL_FACTS = `tell_facts() {
  printf "user\\t%s\\t%s\\n" "$(id -un)" "$(id -u)"
  printf "groups\\t%s\\n" "$(id -Gn)"
  printf "host\\t%s\\n" "$(uname -n)"
  printf "system\\t%s\\n" "$(uname -srm)"
  printf "shell\\t%s\\n" "$SHELL"
  for path do
    if [ -f "$path" ]; then
      real=$(readlink -f "$path")
      open=no
      if [ -w "$real" ]; then open=yes; fi
      folder=\${real%/*}
      while [ -n "$folder" ]; do
        if [ -w "$folder" ] && ! [ -k "$folder" ]; then open=yes; fi
        folder=\${folder%/*}
      done
      printf "program\\t%s\\t%s\\t%s\\t%s\\t%s\\n" "$path" "$real" "$(stat -c "%U:%G %a" "$real")" "$open" \\
        "$(sha256sum 2>/dev/null <"$real" | cut -c 1-64)"
    else
      printf "missing\\t%s\\n" "$path"
    fi
  done
  echo ready
}
`;

/** `look PID`: its $state and $sid. The last line, for a program may have a line feed in its name. */
const LOOK = `look() {
  stat=
  while read -r line; do stat=$line; done 2>/dev/null <"/proc/$1/stat"
  [ -n "$stat" ] || return 1
  stat=\${stat##*) }
  state=\${stat%% *}
  stat=\${stat#* * * }
  sid=\${stat%% *}
}
`;

/** Forced by the certificates of previews: reads, and changes nothing. */
export const FACTS_COMMAND = asCommand(`${PARSE_WORDS}${TELL_FACTS}parse_words facts
tell_facts $words
`);

/** Said to the command below in place of a certificate: the preview alone is over, and its approved command may be running. */
export const FACTS_ONLY = 'facts';

/**
 * Forced by the certificates of the witness: makes the certificate it names unusable, ends every process that bears the
 * action's mark or shares a session with one that does, and tells how many are left.
 */
export const END_COMMAND = asCommand(`${PARSE_WORDS}${LOOK}${KEEP_MARKERS}parse_words end
facts="SSH_ORIGINAL_COMMAND=facts $id"
run="SSH_ORIGINAL_COMMAND=run $id"
if [ "$words" = ${FACTS_ONLY} ]; then run=$facts words=; fi
find_left() {
  marked=" $(grep -lsF -e "$run" -e "$facts" /proc/[0-9]*/environ | tr "\\n" " ")"
  sessions=" "
  for file in $marked; do
    pid=\${file#/proc/}
    pid=\${pid%/environ}
    if look "$pid"; then sessions="$sessions$sid "; fi
  done
  followers= leaders= count=0
  for folder in /proc/[0-9]*; do
    pid=\${folder#/proc/}
    [ "$pid" = $$ ] && continue
    look "$pid" || continue
    case $state in Z | X) continue ;; esac
    case $sessions in *" $sid "*) ;; *) continue ;; esac
    count=$((count + 1))
    if [ "$pid" = "$sid" ]; then leaders="$leaders $pid"; else followers="$followers $pid"; fi
  done
  [ $count -gt 0 ]
}
for name in $words; do
  case $name in *[!A-Za-z0-9-]*) exit 64 ;; esac
  : >"$markers/$name" || exit 73
done
tries=0
while find_left && [ $tries -lt 50 ]; do
  tries=$((tries + 1))
  signal=TERM
  [ $tries -gt 20 ] && signal=KILL
  kill -$signal \${followers:-$leaders} 2>/dev/null
  sleep 0.1
done
printf "left %s\\n" "$count"
`);

/**
 * Runs one approved command, as the leader of its session. It tells the facts, waits for "go" on its input, runs the command,
 * and ends only when no process of the action is left but itself. When its input ends before the command does, or the time
 * is over, it ends the command: an executor that dies takes its command with it.
 */
const RUN_SCRIPT = `${TELL_FACTS}${LOOK}${KEEP_MARKERS}key=$1 id=$2 seconds=$3 programs=$4
shift 4
[ "$SSH_ORIGINAL_COMMAND" = "run $id" ] || exit 64
look $$ && [ "$sid" = $$ ] || exit 71
if [ -e "$markers/$key" ] || [ -e "$markers/$id" ]; then
  printf "spent\\t%s\\n" "$(cat "$markers/$id/end" 2>/dev/null)"
  exit 0
fi
tell_facts $programs
read -r word nonce || exit 0
[ "$word" = go ] || exit 0
find "$markers" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} + 2>/dev/null
if [ -e "$markers/$key" ] || ! mkdir "$markers/$id" 2>/dev/null; then
  echo spent
  exit 0
fi
find_left() {
  marked=" $(grep -lsF -e "SSH_ORIGINAL_COMMAND=run $id" /proc/[0-9]*/environ | tr "\\n" " ")"
  left= count=0
  for folder in /proc/[0-9]*; do
    pid=\${folder#/proc/}
    [ "$pid" = $$ ] && continue
    look "$pid" || continue
    case $state in Z | X) continue ;; esac
    if [ "$sid" != $$ ]; then
      case $marked in *" $folder/environ "*) ;; *) continue ;; esac
    fi
    left="$left $pid" count=$((count + 1))
  done
  [ $count -gt 0 ]
}
finish() {
  trap "" TERM USR1 HUP PIPE
  kill -KILL $watcher 2>/dev/null
  # More than once: a shell that has just been forked may lose a signal.
  while [ -n "$timer" ] && look "$timer" && [ "$state" != Z ]; do
    kill -TERM "$timer" 2>/dev/null
    sleep 0.02
  done
  wait $watcher $timer 2>/dev/null
  tries=0 first=
  # What has just been ended may still be on its way out: it is not left.
  if find_left; then sleep 0.05; fi
  while find_left; do
    first=\${first:-$count}
    tries=$((tries + 1))
    signal=TERM
    [ $tries -gt 20 ] && signal=KILL
    kill -$signal $left 2>/dev/null
    if [ $tries -gt 60 ]; then sleep 1; else sleep 0.1; fi
  done
  echo "$1 $2" >"$markers/$id/end"
  printf "\\ncountersign-end %s %s %s %s\\n" "$nonce" "$1" "$2" "\${first:-0}"
  exit 0
}
watcher= timer=
trap "finish stopped -" TERM HUP
trap "finish timeout -" USR1
echo begun
exec 3<&0 </dev/null
"$@" 3<&- &
command=$!
(
  exec <&3 3<&- >/dev/null 2>&1
  while read -r word; do :; done
  kill -TERM $$
) &
watcher=$!
(
  exec 3<&- >/dev/null 2>&1
  trap 'kill $!; wait; exit' TERM
  sleep "$seconds" &
  wait $!
  kill -USR1 $$
) &
timer=$!
exec 3<&-
wait $command
finish exit $?
`;

/** What decides how a command is run, for fingerprints. */
export const RUNNER = RUN_SCRIPT;

/** What the certificate of an execution forces. */
export function runCommand(run: {
  keyId: string;
  actionId: string;
  timeoutSeconds: number;
  /** Paths to tell about; of the characters that the facts allow. */
  programs: readonly string[];
  argv: readonly string[];
}): string {
  const words = [run.keyId, run.actionId, String(run.timeoutSeconds), run.programs.join(' '), ...run.argv];
  return `${asCommand(RUN_SCRIPT)} ${words.map(quoteWord).join(' ')}`;
}

// `exec`, so that the script is the session's leader and not a child of the login shell.
function asCommand(script: string): string {
  return `exec /bin/sh -c ${quoteWord(script)} countersign`;
}
