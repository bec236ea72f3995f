/// The script that the guardian's shell runs.
extension Guardian {
    /// Removes a folder; also the small shared memory segment that a killed PostgreSQL in it left in the kernel.
    static let removal = #"""
        remove() {
            for lock in "$1"/*/data/postmaster.pid; do
                if [ -f "$lock" ]; then ipcrm -m "$(sed -n '7s/.* //p' "$lock")"; fi
            done
            tries=40
            # A process that is just ending may still write into it.
            until rm -rf -- "$1" || [ "$tries" -eq 0 ]; do
                sleep 0.05
                tries=$((tries - 1))
            done
        }
        """#

    /// Reads the list from its input until the end, then cleans up. The first argument is the mark.
    static let script =
        removal + "\n"
            + #"""
            trap '' HUP INT QUIT TERM
            mark=$1
            shift
            watched= # PID/BORN/FAREWELL…; the folders are "$@"

            # When the process began, in clock ticks since boot; nothing if it ended.
            born() {
                stat=
                read -r stat < "/proc/$1/stat" || return
                set -- ${stat##*) }
                [ "$1" = Z ] || echo "${20}"
            }

            # Whether the process of an entry still runs.
            lives() {
                entry=${1%/*}
                [ -n "${entry#*/}" ] && [ "$(born "${entry%%/*}")" = "${entry#*/}" ]
            }

            while read -r verb subject; do
                case $verb in
                watch)
                    pid=${subject% *}
                    watched="$watched $pid/$(born "$pid")/${subject#* }"
                    ;;
                forget)
                    kept=
                    for entry in $watched; do
                        case $entry in
                        "$subject"/*) ;;
                        *) kept="$kept $entry" ;;
                        esac
                    done
                    watched=$kept
                    ;;
                folder) set -- "$@" "$subject" ;;
                released)
                    count=$#
                    while [ "$count" -gt 0 ]; do
                        folder=$1
                        shift
                        [ "$folder" = "$subject" ] || set -- "$@" "$folder"
                        count=$((count - 1))
                    done
                    ;;
                esac
            done

            patient=' '
            for process in $watched; do
                lives "$process" || continue
                pid=${process%%/*}
                case $process in
                */quit)
                    kill -QUIT "$pid"
                    # Whatever is stopped must wake up to hear it.
                    kill -CONT "$pid" $(cat "/proc/$pid/task/$pid/children")
                    patient="$patient$pid "
                    ;;
                *) kill -KILL "$pid" ;;
                esac
            done

            # Kills what carries the mark, and is not being waited for.
            strays() {
                for file in $(grep -laF -e "$mark" /proc/[0-9]*/environ); do
                    pid=${file#/proc/}
                    pid=${pid%/environ}
                    case $patient in
                    *" $pid "*) ;;
                    *) kill -KILL "$pid" ;;
                    esac
                done
            }

            strays
            patience=40
            for process in $watched; do
                case $process in
                */quit) ;;
                *) continue ;;
                esac
                while lives "$process" && [ "$patience" -gt 0 ]; do
                    sleep 0.05
                    patience=$((patience - 1))
                done
                if lives "$process"; then
                    pid=${process%%/*}
                    kill -KILL "$pid" $(cat "/proc/$pid/task/$pid/children")
                fi
            done

            # Once more, for what was being forked just now, and had not got its own environment yet.
            sleep 0.1
            strays
            for folder in "$@"; do remove "$folder"; done
            """#
}
