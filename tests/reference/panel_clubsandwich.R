# Makes panel_clubsandwich.json: CR2 standard errors and Satterthwaite degrees of freedom from clubSandwich
# on the regression with all dummies, and CR1 (Stata) standard errors. Run: Rscript panel_clubsandwich.R
suppressMessages({library(clubSandwich); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
formulas <- list(none = y ~ x1 + x2, unit = y ~ x1 + x2 + factor(unit),
                 period = y ~ x1 + x2 + factor(period), both = y ~ x1 + x2 + factor(unit) + factor(period))
one <- function(d, effects, cluster, weighted = FALSE) {
  fit <- if (weighted) lm(formulas[[effects]], d, weights = w) else lm(formulas[[effects]], d)
  v <- vcovCR(fit, cluster = d[[cluster]], type = "CR2")
  test <- coef_test(fit, v, test = "Satterthwaite")[c("x1", "x2"), ]
  list(estimate = unname(coef(fit)[c("x1", "x2")]), se = test$SE, df = if (is.null(test$df_Satt)) test$df else test$df_Satt,
       cr0 = unname(sqrt(diag(vcovCR(fit, cluster = d[[cluster]], type = "CR0"))[c("x1", "x2")])))
}
data(Grunfeld, package = "plm")
g <- data.frame(unit = Grunfeld$firm, period = Grunfeld$year, y = Grunfeld$inv, x1 = Grunfeld$value, x2 = Grunfeld$capital)
u <- read.csv(file.path(here, "panel_unbalanced.csv"))
out <- list()
for (e in names(formulas)) {
  out[[paste0("grunfeld_", e)]] <- one(g, e, "unit")
  out[[paste0("unbalanced_", e)]] <- one(u, e, "unit")
  out[[paste0("unbalanced_region_", e)]] <- one(u, e, "region")
}
write(toJSON(out, digits = I(15), auto_unbox = TRUE, pretty = TRUE), file.path(here, "panel_clubsandwich.json"))
