# lockml's completion for fish.

function __lockml_complete
    set -l word (commandline -ct)
    set -l line (commandline -cp | string collect)
    for item in (_LOCKML_COMPLETE=fish _LOCKML_LINE="$line" lockml 2>/dev/null)
        set -l fields (string split \t -- $item)
        switch $fields[1]
            case file dir
                set -l head (string sub -l $fields[2] -- $word)
                set -l rest (string sub -s (math $fields[2] + 1) -- $word)
                if test $fields[1] = dir
                    printf "$head%s\n" (__fish_complete_directories "$rest" "")
                else
                    printf "$head%s\n" (__fish_complete_path "$rest")
                end
            case '*'
                printf '%s\t%s\n' $fields[2] "$fields[3]"
        end
    end
end

complete --command lockml --no-files --arguments '(__lockml_complete)'
