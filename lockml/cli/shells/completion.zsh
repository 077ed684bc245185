#compdef lockml
# lockml's completion for zsh.

_lockml() {
    local line
    local -a fields described plain open
    local files='' folders='' skipped=0
    for line in "${(@f)$(
        _LOCKML_COMPLETE=zsh _LOCKML_LINE="${(j: :)words[1,CURRENT-1]} $PREFIX" ${~words[1]} 2>/dev/null
    )}"; do
        fields=("${(@ps:\t:)line}")
        case $fields[1] in
            file) files=1 skipped=$fields[2] ;;
            dir) folders=1 skipped=$fields[2] ;;
            open) open+=("$fields[2]") ;;
            plain)
                if [[ -n $fields[3] ]]; then
                    described+=("${fields[2]//:/\\:}:$fields[3]")
                else
                    plain+=("$fields[2]")
                fi
                ;;
        esac
    done
    (( $#described )) && _describe -V -t lockml lockml described
    (( $#plain )) && compadd -V lockml -a plain
    (( $#open )) && compadd -V lockml-kinds -S '' -a open
    if [[ -n $files$folders ]]; then
        compset -p $skipped
        [[ -n $folders ]] && _path_files -/ || _path_files -f
    fi
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _lockml "$@"
else
    compdef _lockml lockml
fi
