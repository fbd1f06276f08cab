"""The command line: one file a command, each with `add`, what it takes, and `run`, what it answers.

`main` reads the words and gives an exit status, `arguments` says which words there are, `cells`
which cell and sizes they mean, `streams` writes. A new command is a file here, named in
`main.COMMANDS`.
"""
