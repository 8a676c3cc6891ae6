"""The portal's addresses."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path

from hub.web.views import accounts, catalogue, people, runs, tokens

urlpatterns = [
    path("", catalogue.home, name="home"),
    path("datasets/<str:key>", catalogue.dataset, name="dataset"),
    path("runs", runs.runs, name="runs"),
    path("runs/<uuid:id>", runs.run, name="run"),
    path("sign-in", accounts.SignIn.as_view(), name="sign-in"),
    path("sign-out", LogoutView.as_view(), name="sign-out"),
    path("invitations/<str:secret>", accounts.invitation, name="invitation"),
    path("password", accounts.forgotten, name="forgotten"),
    path("profile", accounts.profile, name="profile"),
    path("tokens", tokens.tokens, name="tokens"),
    path("tokens/<uuid:id>/<str:act>", tokens.change, name="token-change"),
    path("people", people.people, name="people"),
    path("people/<int:id>/remove", people.remove, name="person-remove"),
    path("agencies", people.agencies, name="agencies"),
    path("agencies/<str:code>/switch", people.switch, name="agency-switch"),
    path("i18n/", include("django.conf.urls.i18n")),
]
