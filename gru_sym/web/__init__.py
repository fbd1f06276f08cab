"""What the reader's page needs: the calculator, and what is drawn in it.

`choices` lists the layers of every library, `data` makes numbers of them that a script can
evaluate, `page` has the script and the HTML that is there before it runs, `extension` puts both
into the book.
"""
