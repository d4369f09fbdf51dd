# Rscript random_panels.R folder > random_panels.json   (R 4.2, clubSandwich 0.5.8, plm 2.6-2)
# Rows alone in their unit or period are left out first, as `panel` does.
suppressMessages({library(clubSandwich); library(plm); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
alone <- function(d, by) ave(rep(1, nrow(d)), d[[by]], FUN = sum) == 1
out <- list()
for (seed in 0:9) for (effects in c("none", "unit", "period", "both")) {
  d <- na.omit(read.csv(file.path(folder, sprintf("panel_%d.csv", seed))))
  by <- list(none = c(), unit = "unit", period = "period", both = c("unit", "period"))[[effects]]
  repeat { n <- nrow(d); for (b in by) d <- d[!alone(d, b), ]; if (nrow(d) == n) break }
  x <- grep("^x", names(d), value = TRUE)
  for (name in c("unit", "region")) d[[name]] <- factor(d[[name]])
  m <- lm(reformulate(c(x, sprintf("factor(%s)", by)[seq_along(by)]), "y"), d)
  model <- if (effects == "none") "pooling" else "within"
  effect <- list(none = "individual", unit = "individual", period = "time", both = "twoways")[[effects]]
  p <- plm(reformulate(x, "y"), d, index = c("unit", "period"), model = model, effect = effect)
  r <- list(n_obs = nrow(d), estimate = unname(coef(m)[x]),
            dk = unname(sqrt(diag(vcovSCC(p, type = "HC0", maxlag = 2))[x])))
  for (cluster in c("unit", "region")) {
    t <- coef_test(m, vcov = "CR2", cluster = d[[cluster]], test = "Satterthwaite", coefs = x)
    r[[cluster]] <- list(se = t$SE, df = t$df_Satt, p = t$p_Satt,
                         cr0 = unname(sqrt(diag(as.matrix(vcovCR(m, d[[cluster]], type = "CR0")))[x])))
  }
  out[[paste(seed, effects, sep = "_")]] <- r
}
cat(toJSON(out, digits = I(15), auto_unbox = TRUE))
