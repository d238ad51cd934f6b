"""The only part of the core that uses Streamlit: a folder (room) for each page, shared `settings` and parts.

A room has up to three standard files: `question` (the controls), `view` (results -> screen) and
`words` (results -> sentences). A page is `with guard("name"):` around choose -> compute -> show -> explain.
"""
