"""The app as a server, which can also have other routes than Streamlit's. Its script is the router.

`streamlit run app.py` searches this file for the assignment `app = st.App(...)`: no function may make the app.
"""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit import net_util

from rnorm_core.classroom.vote import phones
from rnorm_core.ui import warm_up
from rnorm_core.ui.chart import library
from rnorm_core.ui.security_headers import SecurityHeaders
from rnorm_core.ui.settings.uploads import UploadLimit

ROUTER = Path(__file__).resolve().parent / "rnorm_core" / "ui" / "router.py"

# When another site's page connects, Streamlit would ask other hosts for this machine's address. The page is refused
# without it, too.
net_util.get_internal_ip = net_util.get_external_ip = lambda: None

app = st.App(
    ROUTER,
    lifespan=warm_up.lifespan,
    routes=[library.ROUTE, *phones.ROUTES],
    middleware=[Middleware(SecurityHeaders), Middleware(UploadLimit)],
)
