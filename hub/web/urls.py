"""The portal's addresses."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path

from hub.web.views import access, accounts, applications, catalogue, people, rules, runs, subscriptions, tokens

urlpatterns = [
    path("", catalogue.home, name="home"),
    path("datasets/<str:key>", catalogue.dataset, name="dataset"),
    path("datasets/<str:key>/upload", runs.upload, name="upload"),
    path("datasets/<str:key>/access", access.access, name="access"),
    path("applications", applications.applications, name="applications"),
    path("applications/new", applications.apply, name="apply"),
    path("applications/<uuid:id>", applications.application, name="application"),
    path("applications/<uuid:id>/<str:act>", applications.answer, name="application-answer"),
    path("agreements", applications.agreements, name="agreements"),
    path("agreements/<str:key>/end", applications.end, name="agreement-end"),
    path("rules", rules.rules, name="rules"),
    path("new-rule", rules.draft, name="rule-draft"),
    path("rules/<str:key>", rules.rule, name="rule"),
    path("rules/<str:key>/edit", rules.edit, name="rule-edit"),
    path("rules/<str:key>/rehearsal", rules.rehearsal, name="rule-rehearsal"),
    path("rules/<str:key>/<str:act>", rules.change, name="rule-change"),
    path("exceptions", rules.exceptions, name="exceptions"),
    path("runs", runs.runs, name="runs"),
    path("runs/<uuid:id>", runs.run, name="run"),
    path("runs/<uuid:id>/<str:act>", runs.decide, name="run-decision"),
    path("sign-in", accounts.SignIn.as_view(), name="sign-in"),
    path("sign-out", LogoutView.as_view(), name="sign-out"),
    path("invitations/<str:secret>", accounts.invitation, name="invitation"),
    path("password", accounts.forgotten, name="forgotten"),
    path("profile", accounts.profile, name="profile"),
    path("tokens", tokens.tokens, name="tokens"),
    path("tokens/<uuid:id>/<str:act>", tokens.change, name="token-change"),
    path("subscriptions", subscriptions.subscriptions, name="subscriptions"),
    path("subscriptions/<uuid:id>", subscriptions.subscription, name="subscription"),
    path("subscriptions/<uuid:id>/<str:act>", subscriptions.change, name="subscription-change"),
    path("people", people.people, name="people"),
    path("people/<path:email>/remove", people.remove, name="person-remove"),
    path("agencies", people.agencies, name="agencies"),
    path("agencies/<str:code>/switch", people.switch, name="agency-switch"),
    path("i18n/", include("django.conf.urls.i18n")),
]
